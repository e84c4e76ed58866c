"""The MetaData shared by the folders under ``bot/``; the other rooms have their own."""

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    pass
